Attribute VB_Name = "IcpCells"
Option Explicit

' What goes to Python and what comes back. An Excel error comes as its text, since COM has no way to return one.

Public IcpLastError As String

' Who calls: the workbook's full name and its signs for decimals and thousands, in lines.
Public Function IcpCaller() As String
    Dim book As String
    On Error Resume Next
    book = Application.Caller.Parent.Parent.FullName
    IcpCaller = book & vbLf & Application.International(3) & vbLf & Application.International(4)
End Function

' The arguments of a function: whole columns end with the last row in use on any of their sheets.
Public Function IcpArguments(ByVal given As Variant) As Variant
    Dim i As Long
    Dim last As Long
    Dim bottom As Long
    On Error GoTo Done
    For i = LBound(given) To UBound(given)
        If IcpIsWholeColumn(given(i)) Then
            bottom = given(i).Worksheet.UsedRange.Row + given(i).Worksheet.UsedRange.Rows.Count - 1
            If bottom > last Then last = bottom
        End If
    Next i
    If last > 0 Then
        For i = LBound(given) To UBound(given)
            If IcpIsWholeColumn(given(i)) Then Set given(i) = given(i).Resize(last)
        Next i
    End If
Done:
    IcpArguments = given
End Function

Private Function IcpIsWholeColumn(ByRef argument As Variant) As Boolean
    If Not IsObject(argument) Then Exit Function
    If TypeName(argument) <> "Range" Then Exit Function
    IcpIsWholeColumn = (argument.Rows.Count = argument.Worksheet.Rows.Count)
End Function

Public Function IcpCell(ByVal value As Variant) As Variant
    Dim i As Long
    Dim j As Long
    If Not IsArray(value) Then
        IcpCell = IcpOne(value)
        Exit Function
    End If
    If IcpDimensions(value) = 1 Then
        For i = LBound(value) To UBound(value)
            value(i) = IcpOne(value(i))
        Next i
    Else
        For i = LBound(value, 1) To UBound(value, 1)
            For j = LBound(value, 2) To UBound(value, 2)
                value(i, j) = IcpOne(value(i, j))
            Next j
        Next i
    End If
    IcpCell = value
End Function

Public Function IcpOne(ByVal value As Variant) As Variant
    IcpOne = value
    If VarType(value) <> vbString Then Exit Function
    If Left$(value, 1) <> "#" Then Exit Function
    Select Case value
        Case "#NULL!": IcpOne = CVErr(2000)
        Case "#DIV/0!": IcpOne = CVErr(2007)
        Case "#VALUE!": IcpOne = CVErr(2015)
        Case "#REF!": IcpOne = CVErr(2023)
        Case "#NAME?": IcpOne = CVErr(2029)
        Case "#NUM!": IcpOne = CVErr(2036)
        Case "#N/A": IcpOne = CVErr(2042)
        Case "#GETTING_DATA": IcpOne = CVErr(2043)
        Case "#SPILL!": IcpOne = CVErr(2045)
        Case "#CONNECT!": IcpOne = CVErr(2046)
        Case "#BLOCKED!": IcpOne = CVErr(2047)
        Case "#UNKNOWN!": IcpOne = CVErr(2048)
        Case "#FIELD!": IcpOne = CVErr(2049)
        Case "#CALC!": IcpOne = CVErr(2050)
    End Select
End Function

' Python could not be reached, or broke: never its words in a cell.
Public Function IcpFailed(ByVal description As String) As Variant
    IcpLastError = description
    IcpFailed = CVErr(2015)
End Function

Private Function IcpDimensions(ByRef value As Variant) As Long
    Dim bound As Long
    On Error GoTo Done
    bound = UBound(value, 1)
    IcpDimensions = 1
    bound = UBound(value, 2)
    IcpDimensions = 2
Done:
End Function
